"""Made two of the golden files of this folder from the oracle: python make.py PATH_OF_shared/reference

The others came with the oracle (`elm_network_torch.py`, which explains the names). These two cover what those leave out: synapses of
absolute value, two hidden layers, the gate that scales, more samples than a row of the kernels holds; and three layers, of 70 steps.
"""
import json
import math
import os
import struct
import sys

sys.path.insert(0, sys.argv[1])
import torch

import elm_network_torch as o
def save(path, tensors, meta):
    h={'__metadata__':meta}; off=0; blobs=[]
    for k,v in tensors.items():
        a=v.detach().cpu().contiguous().numpy(); d={'int64':'I64','float32':'F32'}[str(a.dtype)]
        b=a.tobytes(); h[k]={'dtype':d,'shape':list(a.shape),'data_offsets':[off,off+len(b)]}; off+=len(b); blobs.append(b)
    j=json.dumps(h).encode(); j+=b' '*(-len(j)%8)
    open(path,'wb').write(struct.pack('<Q',len(j))+j+b''.join(blobs))
def make(name, num_input, neurons, num_neuron, linear, recurrent, batch=3, steps=23, seed=0):
    g=torch.Generator().manual_seed(seed)
    cs=[o.complete(n) for n in neurons]; layers=[]; i=num_input
    for c,n,r in zip(cs,num_neuron,recurrent):
        layers.append(o.init_layer(i,n,c,r,g)); i=n
    lin=None
    if linear: lin={'weight':(torch.rand(linear,i,generator=g)*2-1)/math.sqrt(i),'bias':(torch.rand(linear,generator=g)*2-1)/math.sqrt(i)}
    x=(torch.rand(batch,steps,num_input,generator=g)<0.3).float()*torch.randn(batch,steps,num_input,generator=g)
    out=linear or num_neuron[-1]; gg=torch.randn(batch,steps,out,generator=g)
    T={}
    for l,p in enumerate(layers):
        for k,v in p.items(): T[f'param.layers.{l}.{k}']=v
    if lin:
        for k,v in lin.items(): T[f'param.linear.{k}']=v
    T['x']=x; T['g']=gg
    dbl=lambda v: v.double().requires_grad_() if v.is_floating_point() else v
    L=[{k:dbl(v) for k,v in p.items()} for p in layers]; LN={k:dbl(v) for k,v in lin.items()} if lin else None; X=dbl(x)
    y,st,mag,act=o.run(cs,L,LN,X)
    loss=(y*gg.double()).mean()+0.01*mag+0.1*act
    loss.backward()
    f=lambda v:v.detach().float()
    T['y']=f(y); T['loss']=f(loss).view(1); T['mlp_magnitude']=f(mag).view(1); T['population_activity']=f(act).view(1)
    for l,s in enumerate(st):
        for k in ('m','branch','r','a'): T[f'final.layers.{l}.{k}']=f(s[k])
    for l,p in enumerate(L):
        for k,v in p.items():
            if v.is_floating_point(): T[f'grad.layers.{l}.{k}']=f(v.grad)
    if LN:
        for k,v in LN.items(): T[f'grad.linear.{k}']=f(v.grad)
    T['grad.x']=f(X.grad)
    meta={'config':json.dumps(dict(num_input=num_input,neurons=cs,num_neuron=num_neuron,linear=linear)),'loss':"mean(y*g) + 0.01*mlp_magnitude(layer 0) + 0.1*population_activity(layer 0)"}
    save(os.path.join(os.path.dirname(os.path.abspath(__file__)), f'{name}.safetensors'),T,meta)
make('layer_abs_mlp2_scaled_gate',6,[dict(num_memory=3,hidden=5,mlp_layers=2,num_branch=4,per_branch=3,mlp_act='silu',synapse_rect='abs',lambda_as_ratio=False,lambda_value=2.0,tau_min=2.0,tau_max=50.0,high_pass_tau=3.0,activation='identity')],[5],None,[0.5],batch=10,seed=1)
n=dict(num_memory=2,num_branch=5,per_branch=3,input_scale=2.0,tau_max=100.0)
make('network_three_layers',7,[dict(n,num_memory=3,branch_tau=4.0),dict(n,synapse_rect='exp'),dict(n,mlp_layers=0,high_pass_tau=None,activation='identity')],[6,5,3],None,[0.4,0.6,0.0],batch=2,steps=70,seed=2)
